"use client";

/** Backfills of identities, messages and attachments, and how far they are. */
export function BackfillPanel() {
  return null;
}
