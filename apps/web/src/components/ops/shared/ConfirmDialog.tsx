"use client";

import dynamic from "next/dynamic";
import { useState, type ReactNode } from "react";

export type ConfirmDialogProps = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** The words of the button that opened it: the title, and the button that does it. */
  action: string;
  /** What it will do, and anything to fill in. */
  children: ReactNode;
  onConfirm: () => void;
  pending?: boolean;
  destructive?: boolean;
  /** Why it can't be confirmed now, such as a reason that is missing. */
  blocked?: string | null;
  /** What the console said to it. */
  error?: string | null;
  closeLabel?: string;
};

const ConfirmDialogContent = dynamic(
  () => import("./ConfirmDialogContent").then((module) => module.ConfirmDialogContent),
  {
    ssr: false,
  },
);

/** Asks once before something is done. Its code is loaded when it first opens. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const [wasOpen, setWasOpen] = useState(props.open);
  if (props.open && !wasOpen) setWasOpen(true);
  return wasOpen ? <ConfirmDialogContent {...props} /> : null;
}
