import { LoginForm } from "./LoginForm";

export const metadata = { title: "Log in" };

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

const SENTENCES: Record<string, string> = {
  refused: "Wrong username or password.",
  rejected: "The core rejected the login. Try again shortly.",
  site: "The login came from another site. Log in here.",
  unreachable: "The core is unreachable. Try again shortly.",
};

export default async function LoginPage({ searchParams }: Props) {
  const { next, error } = await searchParams;
  return (
    <main className="mx-auto grid max-w-sm gap-4 p-6 pt-16">
      <h1 className="text-2xl font-semibold">Log in</h1>
      <LoginForm
        next={typeof next === "string" ? next : "/ops"}
        error={typeof error === "string" && Object.hasOwn(SENTENCES, error) ? SENTENCES[error] : undefined}
      />
    </main>
  );
}
