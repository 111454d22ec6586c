const PATHS = {
  check: "M20 6 9 17l-5-5",
  cross: "M18 6 6 18M6 6l12 12",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  refresh: "M20 11a8 8 0 0 0-14.3-4L3 10m0-6v6h6M4 13a8 8 0 0 0 14.3 4l2.7-3m0 6v-6h-6",
  play: "M7 4.5v15l12-7.5Z",
  pause: "M9 5v14M15 5v14",
  stop: "M6 6h12v12H6Z",
  warning: "M12 9v4m0 4h.01M10.3 3.9 2 18a2 2 0 0 0 1.7 3h16.6a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z",
  question: "M9.1 9a3 3 0 1 1 4.4 2.7c-.9.5-1.5 1.2-1.5 2.3m0 3h.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  copy: "M9 9h11v11H9ZM5 15H4V4h11v1",
  link: "M14 4h6v6M20 4 10 14M18 14v6H4V6h6",
  left: "m15 18-6-6 6-6",
  right: "m9 18 6-6-6-6",
  down: "m6 9 6 6 6-6",
} as const;

export type IconName = keyof typeof PATHS;

/** A small picture beside a word that says the same; never alone, so hidden from screen readers. */
export function Icon({ name, className = "size-4" }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${className}`}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
