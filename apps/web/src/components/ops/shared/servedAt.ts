import { createContext, useContext } from "react";

/** When the server rendered the page, ISO 8601: the same there and while the browser takes the page over. */
export const ServedAtContext = createContext<string | null>(null);

export const useServedAt = (): string | null => useContext(ServedAtContext);
