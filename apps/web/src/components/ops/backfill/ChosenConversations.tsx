"use client";

import { useRef } from "react";

import { Button } from "@/components/ui/button";

import { nameOf, type Choice } from "./useChosen";

interface Props {
  choices: Choice[];
  onRemove: (id: number) => void;
  onClear: () => void;
}

/** What is chosen, each with a button that takes it out again. */
export function ChosenConversations({ choices, onRemove, onClear }: Props) {
  const list = useRef<HTMLUListElement>(null);
  if (choices.length === 0) return null;

  function remove(id: number, index: number): void {
    // The button goes with its row: focus moves to a neighbor, or is lost to the page's start.
    const buttons = list.current?.querySelectorAll("button");
    (buttons?.[index + 1] ?? buttons?.[index - 1])?.focus();
    onRemove(id);
  }

  return (
    <div className="space-y-1.5">
      <ul
        ref={list}
        aria-label="Chosen conversations"
        className="flex max-h-48 flex-wrap gap-1.5 overflow-y-auto"
      >
        {choices.map((choice, index) => {
          const { id } = choice;
          const name = nameOf(choice);
          return (
            <li
              key={id}
              className="inline-flex max-w-full items-center gap-1 rounded-md border bg-muted py-0.5 pl-2 pr-0.5 text-sm"
            >
              <bdi className="min-w-0 break-words">{name}</bdi>
              <button
                type="button"
                aria-label={`Remove ${name}`}
                className="inline-flex size-6 shrink-0 items-center justify-center rounded hover:bg-accent focus-visible:outline-2 focus-visible:outline-ring"
                onClick={() => remove(id, index)}
              >
                <span aria-hidden>×</span>
              </button>
            </li>
          );
        })}
      </ul>
      {choices.length > 1 && (
        <Button type="button" variant="ghost" size="sm" onClick={onClear}>
          Clear choice
        </Button>
      )}
    </div>
  );
}
