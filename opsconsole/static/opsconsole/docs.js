// Shows the API's description, and sends what is tried out with the session of whoever is logged in.
"use strict";

(() => {
  const place = document.getElementById("docs");
  // What Swagger UI's own dark look goes by.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  // A link within the button that opens an operation is out of reach for screen readers.
  const linksAreText = ({ React }) => ({
    wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) },
  });
  SwaggerUIBundle({
    plugins: [linksAreText],
    domNode: place,
    url: place.dataset.schema,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    tagsSorter: "alpha",
    requestInterceptor: (request) => {
      if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = place.dataset.csrf;
      return request;
    },
  });
})();
