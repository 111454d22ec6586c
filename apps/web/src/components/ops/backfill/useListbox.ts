import { useId, useState, type KeyboardEvent } from "react";

interface Listbox {
  open: boolean;
  setOpen: (open: boolean) => void;
  /** The keys of the options, in their order. */
  options: readonly string[];
  onChoose: (key: string) => void;
  /** Escape in a closed list. */
  onClear: () => void;
  /** The keyboard has arrived at the last option. */
  onEnd?: () => void;
}

const PAGE = 10;

/** The state of a text field with a list of options: which is active, and what each key does.
 *
 * Focus stays in the field. The active option is kept by its key, so that options that arrive don't move it. */
export function useListbox({ open, setOpen, options, onChoose, onClear, onEnd }: Listbox) {
  const [active, setActive] = useState<string | null>(null);
  const listId = useId();
  const optionId = (key: string): string => `${listId}-${key}`;
  const index = active === null ? -1 : options.indexOf(active);

  function move(to: number): void {
    const next = options[Math.max(0, Math.min(to, options.length - 1))];
    if (next === undefined) return;
    setActive(next);
    document.getElementById(optionId(next))?.scrollIntoView?.({ block: "nearest" });
    if (to >= options.length - 1) onEnd?.();
  }

  function close(): void {
    setOpen(false);
    setActive(null);
  }

  function onKeyDown(event: KeyboardEvent): void {
    // While an input method composes a character, its keys are not for the list.
    if (event.nativeEvent.isComposing) return;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (!open) setOpen(true);
      else if (index === -1) move(step > 0 ? 0 : options.length - 1);
      else move(index + step);
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      if (active !== null && index !== -1) onChoose(active);
    } else if (event.key === "Escape") {
      if (open) {
        // The dialog or sheet around this field stays open.
        event.stopPropagation();
        close();
      } else onClear();
    }
  }

  return {
    close,
    active: index === -1 ? null : active,
    point: setActive,
    onKeyDown,
    listId,
    optionId,
  };
}
