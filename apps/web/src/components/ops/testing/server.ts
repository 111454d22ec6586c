import { setupServer } from "msw/node";

/** Answers in the console's place; knows nothing until a test says what. */
export const server = setupServer();
