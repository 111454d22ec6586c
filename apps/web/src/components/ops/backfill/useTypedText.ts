import { useRef, useState } from "react";

const PAUSE_MS = 300;

/** A text as it is typed, and as it was at the last pause; the pause is what asks the console.
 *
 * The timer starts in the event that changes the text, so no effect is needed. */
export function useTypedText(): {
  typed: string;
  settled: string;
  type: (text: string) => void;
  settle: (text: string) => void;
} {
  const [typed, setTyped] = useState("");
  const [settled, setSettled] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  function settle(text: string): void {
    clearTimeout(timer.current);
    setTyped(text);
    setSettled(text.trim());
  }

  function type(text: string): void {
    clearTimeout(timer.current);
    setTyped(text);
    timer.current = setTimeout(() => setSettled(text.trim()), PAUSE_MS);
  }

  return { typed, settled, type, settle };
}
