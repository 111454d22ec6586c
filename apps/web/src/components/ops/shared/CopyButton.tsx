"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { useAnnounce } from "./Announcer";
import { Icon } from "./Icon";

type Props = {
  /** What is copied. */ text: string;
  /** Verb and object: `Copy job id`. */ label: string;
  showLabel?: boolean;
};

/** Copies a text, and says whether that worked: outside HTTPS the browser refuses. */
export function CopyButton({ text, label, showLabel = false }: Props) {
  const announce = useAnnounce();
  const [outcome, setOutcome] = useState<"copied" | "refused" | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome("copied");
      announce("Copied.");
    } catch {
      setOutcome("refused");
      announce("The browser doesn’t allow copying here. Select the text instead.");
    }
  };
  return (
    <Button
      type="button"
      variant="ghost"
      size="sm"
      aria-label={label}
      title={label}
      onClick={() => void copy()}
    >
      <Icon name={outcome === "copied" ? "check" : outcome === "refused" ? "cross" : "copy"} />
      {showLabel ? label : null}
    </Button>
  );
}
