export const metadata = { title: "Start" };

/** An empty page, which the size of the others is measured against. */
export default function StartPage() {
  return (
    <main className="p-8">
      <h1 className="text-2xl font-bold">Front end on Next.js 14</h1>
      <a href="/ops">Open Ops</a>
    </main>
  );
}
