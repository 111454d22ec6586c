"use client";

import { CopyButton } from "../shared/CopyButton";

interface Props {
  title: string;
  text: string;
  open?: boolean;
  copy?: boolean;
  /** It is a part of the page of its own. */
  heading?: boolean;
}

/** Long text, folded; always text, never markup. The region scrolls by keyboard, so it takes the focus. */
export function FoldedText({ title, text, open = false, copy = false, heading = false }: Props) {
  return (
    <details open={open} className="rounded-md border">
      <summary className="cursor-pointer px-3 py-2 text-sm font-medium">
        {heading ? <h3 className="inline text-base font-semibold">{title}</h3> : title}
      </summary>
      <div className="border-t px-3 py-2">
        {copy && <CopyButton text={text} label={`Copy ${title.toLowerCase()}`} showLabel />}
        <pre
          tabIndex={0}
          role="region"
          aria-label={title}
          dir="auto"
          className="max-h-96 overflow-auto text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {text}
        </pre>
      </div>
    </details>
  );
}
