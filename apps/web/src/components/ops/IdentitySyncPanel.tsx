"use client";

/** Syncs of a chosen identity: start one, and see when the last one ended. */
export function SyncPanel() {
  return null;
}
