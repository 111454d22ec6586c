import { cookies } from "next/headers";
import { redirect } from "next/navigation";

export default function AuthenticatedLayout({ children }: { children: React.ReactNode }) {
  if (!cookies().get("session")?.value) redirect("/login?next=%2Fops");
  return (
    <div className="mx-auto max-w-7xl">
      <nav aria-label="Main" className="flex gap-4 border-b p-4">
        <a href="/">Start</a>
        <a href="/ops">Ops</a>
      </nav>
      <main className="p-4">{children}</main>
    </div>
  );
}
