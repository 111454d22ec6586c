import { expect, test } from "vitest";
import { sessionIn } from "./session";

test.each([
  ["session=abc", "abc"],
  ["theme=dark; session=a=b/c%20d; other=1", "a=b/c%20d"],
  ["session=one; session=two", "two"],
  ["session=one; session=", null],
  ["session=", null],
  ["xsession=1", null],
  ["session=a b", null],
  ["session=a,b", null],
  ["session=é", null],
  [`session=${"a".repeat(513)}`, null],
  ["", null],
  [null, null],
])("of the cookies %j the session is %j", (header, session) => {
  expect(sessionIn(header)).toBe(session);
});

test("what is encoded stays so, and can't become a second cookie", () => {
  expect(sessionIn("session=a%3B%20sessionid%3Dx")).toBe("a%3B%20sessionid%3Dx");
});
