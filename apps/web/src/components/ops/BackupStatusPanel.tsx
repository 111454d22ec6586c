/** Replaced by the whole panel. */
export function BackupPanel() {
  return null;
}
