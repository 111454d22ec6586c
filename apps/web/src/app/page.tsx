export const metadata = { title: "Start" };

/** An empty page, which the size of the others is measured against. */
export default function StartPage() {
  return (
    <main className="mx-auto grid max-w-2xl gap-3 p-6">
      <h1 className="text-2xl font-semibold">Front end</h1>
      <p>
        The application’s other pages would be here.{" "}
        <a className="font-medium underline" href="/ops">
          Open Ops
        </a>
      </p>
    </main>
  );
}
