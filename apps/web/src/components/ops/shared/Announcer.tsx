"use client";

import { createContext, useCallback, useContext, useState, type ReactNode } from "react";

type Announcement = { text: string; count: number };

const AnnounceContext = createContext<(text: string) => void>(() => {});

/** Tells people who can't see the page what has just happened. */
export const useAnnounce = (): ((text: string) => void) => useContext(AnnounceContext);

/** The page's one polite live region. */
export function Announcer({ children }: { children: ReactNode }) {
  const [{ text, count }, setAnnouncement] = useState<Announcement>({ text: "", count: 0 });
  const announce = useCallback(
    (next: string) => setAnnouncement((last) => ({ text: next, count: last.count + 1 })),
    [],
  );
  return (
    <AnnounceContext.Provider value={announce}>
      {children}
      <div role="status" aria-live="polite" aria-atomic="true" className="sr-only" data-testid="announcer">
        {/* The same sentence twice would not be read again, so its element is a new one. */}
        <span key={count}>{text}</span>
      </div>
    </AnnounceContext.Provider>
  );
}
