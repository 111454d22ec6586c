import { useState } from "react";

/** Shows what somebody has just chosen until the address says it too, which takes a moment; then what the address says. */
export function useAsked<T>(value: T): [T, (next: T) => void] {
  const [asked, setAsked] = useState({ from: value, to: value });
  if (asked.from !== value) setAsked({ from: value, to: value });
  return [asked.from === value ? asked.to : value, (to) => setAsked({ from: value, to })];
}
