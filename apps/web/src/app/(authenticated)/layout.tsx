import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";

// Plain links: this host keeps nothing in the browser that a whole page would lose.
/* eslint-disable @next/next/no-html-link-for-pages */

/** Pages that need a login. Whether the session still holds, the core says at each call. */
export default async function AuthenticatedLayout({ children }: { children: ReactNode }) {
  if (!(await cookies()).get("session")?.value) redirect("/login?next=%2Fops");
  return (
    <>
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-background focus:p-2"
      >
        Skip to content
      </a>
      <header className="border-b">
        <nav aria-label="Main" className="mx-auto flex max-w-7xl items-center gap-4 px-4 py-2">
          <a href="/" className="font-medium">
            Start
          </a>
          <a href="/ops" className="font-medium">
            Ops
          </a>
          <form action="/api/auth/logout" method="post" className="ml-auto">
            <Button type="submit" variant="ghost" size="sm">
              Log out
            </Button>
          </form>
        </nav>
      </header>
      <main id="content" className="mx-auto max-w-7xl p-4">
        {children}
      </main>
    </>
  );
}
