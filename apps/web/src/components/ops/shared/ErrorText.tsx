import { firstLine } from "../data/formatting";
import { CopyButton } from "./CopyButton";

type Props = {
  text: string | null | undefined;
  /** The API has cut it. */
  cut?: boolean;
  /** Of what, for the copy button: `error of job 12`. */
  name?: string;
  open?: boolean;
};

/** An error, folded to its first line; the whole text on demand, as text, whatever it holds. */
export function ErrorText({ text, cut = false, name = "error", open = false }: Props) {
  if (!text?.trim()) return null;
  const first = firstLine(text);
  const short = first.length > 200 ? `${first.slice(0, 200)}…` : first;
  if (text.trim() === short && !cut) {
    return (
      <p dir="auto" className="text-sm break-words text-destructive">
        {short}
      </p>
    );
  }
  return (
    <details open={open || undefined} className="min-w-0 text-sm">
      <summary dir="auto" className="cursor-pointer break-words text-destructive">
        {short}
      </summary>
      <div className="mt-2 grid gap-1">
        <pre
          dir="auto"
          // Scrollable, so the keyboard must reach it.
          tabIndex={0}
          role="region"
          aria-label={`Full text of ${name}`}
          className="max-h-80 overflow-auto rounded-md bg-muted p-3 text-xs break-words whitespace-pre-wrap"
        >
          {text}
        </pre>
        <div className="flex items-center gap-2">
          <CopyButton text={text} label={`Copy ${name}`} showLabel />
          {cut ? <span className="text-muted-foreground">Shortened.</span> : null}
        </div>
      </div>
    </details>
  );
}
