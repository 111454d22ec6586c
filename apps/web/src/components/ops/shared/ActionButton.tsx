"use client";

import { useId, type MouseEvent, type ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/utils";

type Variant = "default" | "destructive" | "outline" | "secondary" | "ghost" | "link";

type Props = {
  /** Whether it can be done now. What the user may never do has no button: don't render it. */
  allowed?: boolean;
  /** Why it can't be done now. */
  reason?: string | null;
  /** Its request is under way. */
  pending?: boolean;
  onClick: (event: MouseEvent<HTMLButtonElement>) => void;
  /** Verb and object. */
  children: ReactNode;
  /** The accessible name, where rows repeat the same words: `Retry job 12`. */
  label?: string;
  variant?: Variant;
  size?: "default" | "sm" | "lg" | "icon";
  /** Shows the reason as text, not only on hover and to screen readers. */
  showReason?: boolean;
  className?: string;
};

/** A button that stays focusable while it can't be used, and says why. */
export function ActionButton(props: Props) {
  const {
    allowed = true,
    reason,
    pending = false,
    onClick,
    children,
    label,
    showReason = false,
    className,
  } = props;
  const id = useId();
  const off = !allowed || pending;
  const described = !allowed && reason ? id : undefined;
  return (
    <>
      <Button
        type="button"
        variant={props.variant ?? "outline"}
        size={props.size ?? "sm"}
        // Not `disabled`: that drops the focus, and nobody could read why.
        aria-disabled={off || undefined}
        aria-busy={pending || undefined}
        aria-describedby={described}
        aria-label={label}
        title={described ? (reason ?? undefined) : undefined}
        className={cn(off && "cursor-not-allowed opacity-60", className)}
        onClick={(event) => {
          if (!off) onClick(event);
        }}
      >
        {children}
        {pending ? "…" : null}
      </Button>
      {described ? (
        <span id={id} className={showReason ? "text-sm text-muted-foreground" : "sr-only"}>
          {reason}
        </span>
      ) : null}
    </>
  );
}
