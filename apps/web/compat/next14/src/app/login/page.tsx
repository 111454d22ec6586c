"use client";

import { useRef, useState, type FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

export default function LoginPage() {
  const form = useRef<HTMLFormElement>(null);
  const [error, setError] = useState("");

  async function submit(event: FormEvent) {
    event.preventDefault();
    const body = JSON.stringify(Object.fromEntries(new FormData(form.current ?? undefined)));
    const answer = await fetch("/api/auth/login", { method: "POST", body });
    if (answer.ok) window.location.assign("/ops");
    else
      setError(
        answer.status === 401 ? "Wrong username or password." : "The core is unreachable. Try again shortly.",
      );
  }

  return (
    <main className="mx-auto max-w-sm p-8">
      <h1 className="text-2xl font-bold">Log in</h1>
      <form ref={form} onSubmit={submit} className="mt-4 space-y-4">
        {error && <p role="alert">{error}</p>}
        <div>
          <Label htmlFor="username">Username</Label>
          <Input id="username" name="username" autoComplete="username" required />
        </div>
        <div>
          <Label htmlFor="password">Password</Label>
          <Input id="password" name="password" type="password" autoComplete="current-password" required />
        </div>
        <Button type="submit">Log in</Button>
      </form>
    </main>
  );
}
