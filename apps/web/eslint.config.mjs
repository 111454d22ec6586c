import next from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";

// The Ops page runs on React 18 too. What React 19 added type-checks in this application and fails only when it runs there.
const COPIED = ["src/components/ops/**", "src/app/(authenticated)/ops/**", "src/app/api/core/**"];
const ADDED_TO_REACT = [
  "use",
  "useActionState",
  "useOptimistic",
  "useEffectEvent",
  "cache",
  "Activity",
  "ViewTransition",
];

const missingInReact18 = [
  {
    selector: `MemberExpression[object.name='React'][property.name=/^(${ADDED_TO_REACT.join("|")})$/]`,
    message: "React 18 doesn't have this.",
  },
  {
    selector: "JSXOpeningElement > JSXIdentifier[name=/Context$/]",
    message: "React 18 can't render a context itself. Use <Context.Provider>.",
  },
  {
    selector: "CallExpression[callee.name='useRef'][arguments.length=0]",
    message: "The types of React 19 want an argument: useRef(null).",
  },
  {
    selector: ":matches(CallExpression[callee.property.name='useRef'][arguments.length=0])",
    message: "The types of React 19 want an argument: useRef(null).",
  },
  {
    selector:
      ":matches(FunctionDeclaration, FunctionExpression, ArrowFunctionExpression)[params.length=1] > ObjectPattern.params > Property[key.name='ref']",
    message: "React 18 passes no ref as a prop. Use forwardRef or another name.",
  },
  {
    selector: "TSTypeReference > TSQualifiedName[left.name='JSX']",
    message: "The namespace JSX is global only in React 18's types. Use ReactElement or ReactNode.",
  },
  {
    selector: "TSTypeReference > Identifier[name=/^(PageProps|LayoutProps|RouteContext)$/]",
    message: "Next 14 has no such global type. Write the type out.",
  },
  {
    selector:
      "JSXOpeningElement[name.name='form'] > JSXAttribute[name.name='action'] > JSXExpressionContainer",
    message: "React 18 takes no function as a form's action.",
  },
];

const config = [
  {
    ignores: [
      ".next*/**",
      "compat/**",
      "node_modules/**",
      "next-env.d.ts",
      "src/components/ops/data/schema.generated.ts",
    ],
  },
  ...next,
  ...typescript,
  {
    rules: {
      "max-lines": ["error", 200],
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: COPIED,
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            {
              name: "react",
              importNames: ADDED_TO_REACT,
              message: "React 18 doesn't have this.",
            },
            {
              name: "react-dom",
              importNames: ["useFormState", "useFormStatus"],
              message: "Differs between React 18 and 19.",
            },
            {
              name: "next/server",
              importNames: ["after", "connection"],
              message: "Next 14 doesn't have this.",
            },
          ],
        },
      ],
      "no-restricted-syntax": ["error", ...missingInReact18],
    },
  },
  { files: ["tests/**"], rules: { "no-console": "off" } },
];

export default config;
