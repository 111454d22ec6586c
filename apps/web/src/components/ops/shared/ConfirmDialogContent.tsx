"use client";

import { useRef } from "react";
import {
  AlertDialog,
  AlertDialogCancel,
  AlertDialogContent,
  AlertDialogDescription,
  AlertDialogFooter,
  AlertDialogHeader,
  AlertDialogTitle,
} from "@/components/ui/alert-dialog";
import { ActionButton } from "./ActionButton";
import type { ConfirmDialogProps } from "./ConfirmDialog";

/** The dialog of `ConfirmDialog`; use that one. */
export function ConfirmDialogContent(props: ConfirmDialogProps) {
  const { open, onOpenChange, action, children, onConfirm, pending, destructive, blocked, error } = props;
  const opener = useRef<Element | null>(null);
  return (
    <AlertDialog open={open} onOpenChange={onOpenChange}>
      <AlertDialogContent
        onOpenAutoFocus={() => {
          opener.current = document.activeElement;
        }}
        onCloseAutoFocus={(event) => {
          // The dialog has no trigger of its own, so it can't know where the focus came from.
          event.preventDefault();
          if (opener.current instanceof HTMLElement) opener.current.focus();
        }}
      >
        <AlertDialogHeader>
          <AlertDialogTitle>{action}</AlertDialogTitle>
          <AlertDialogDescription asChild>
            <div className="grid gap-3 text-sm text-muted-foreground">{children}</div>
          </AlertDialogDescription>
        </AlertDialogHeader>
        {error ? (
          <p role="alert" className="text-sm text-destructive">
            {error}
          </p>
        ) : null}
        <AlertDialogFooter>
          <AlertDialogCancel>{props.closeLabel ?? "Close"}</AlertDialogCancel>
          <ActionButton
            variant={destructive ? "destructive" : "default"}
            size="default"
            pending={pending}
            allowed={!blocked}
            reason={blocked}
            onClick={onConfirm}
          >
            {action}
          </ActionButton>
        </AlertDialogFooter>
      </AlertDialogContent>
    </AlertDialog>
  );
}
