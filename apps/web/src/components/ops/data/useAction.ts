import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useAnnounce } from "../shared/Announcer";
import { isOutcomeUnknown, type OpsError } from "./problem";

// How long a key is kept while nobody knows what became of it. Much later, the same click means a new action.
const KEPT_MS = 120_000;

type Sent<Input> = { input: Input; key: string };

export type ActionOptions<Input, Output> = {
  /** Sends it. Pass the key on as the header `Idempotency-Key`. */
  call: (input: Input, idempotencyKey: string) => Promise<Output>;
  /** What it changes; asked for again after success and after a refusal. */
  invalidates: readonly QueryKey[] | ((input: Input) => readonly QueryKey[]);
  /** What makes two inputs the same action; by default all of the input. */
  same?: (input: Input) => unknown;
  /** The sentence that is announced; by default the answer's `message`. */
  announces?: (output: Output, input: Input) => string;
  onDone?: (output: Output, input: Input) => void;
  onRefused?: (error: OpsError, input: Input) => void;
};

/** `crypto.randomUUID` exists only where the page came over HTTPS or from localhost. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function messageOf(output: unknown): string {
  const message = (output as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : "Done.";
}

/**
 * A mutation of the console: one idempotency key for each click, kept while the same click is sent again, and kept for the next
 * click on the same thing if nobody knows whether the last one took effect.
 */
export function useAction<Input = void, Output = unknown>(options: ActionOptions<Input, Output>) {
  const { call, invalidates, same, announces, onDone, onRefused } = options;
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  const unsettled = useRef(new Map<string, { key: string; since: number }>());
  const underWay = useRef(new Set<string>());
  const nameOf = (input: Input) => JSON.stringify(same ? same(input) : input) ?? "";

  const mutation = useMutation<Output, OpsError, Sent<Input>>({
    mutationFn: ({ input, key }) => call(input, key),
    networkMode: "always",
    // The key makes sending it again safe. A refusal is final, but for a first request that is still under way.
    retry: (failures, error) =>
      failures < 2 && (error.status === 0 || error.code === "idempotency_key_in_use"),
    retryDelay: (failures, error) => Math.min((error.retryAfter ?? 2 ** failures) * 1_000, 5_000),
    onSuccess: (output, { input }) => {
      unsettled.current.delete(nameOf(input));
      announce(announces ? announces(output, input) : messageOf(output));
      onDone?.(output, input);
    },
    onError: (error, { input, key }) => {
      const name = nameOf(input);
      if (!isOutcomeUnknown(error)) unsettled.current.delete(name);
      else if (unsettled.current.get(name)?.key !== key)
        unsettled.current.set(name, { key, since: Date.now() });
      announce(error.message);
      onRefused?.(error, input);
    },
    onSettled: (_output, error, { input }) => {
      underWay.current.delete(nameOf(input));
      if (error?.status === 0) return;
      const changed = typeof invalidates === "function" ? invalidates(input) : invalidates;
      changed.forEach((queryKey) => void queryClient.invalidateQueries({ queryKey }));
    },
  });

  const { mutate: start, mutateAsync: startAsync } = mutation;
  const naming = useRef(nameOf);
  useEffect(() => {
    naming.current = nameOf;
  });
  const send = useCallback((input: Input): Sent<Input> => {
    const before = unsettled.current.get(naming.current(input));
    const isKept = before !== undefined && Date.now() - before.since < KEPT_MS;
    return { input, key: isKept ? before.key : newKey() };
  }, []);
  const mutate = useCallback(
    (input: Input) => {
      const name = naming.current(input);
      // The button is switched off a moment after the click: a second one may come first.
      if (underWay.current.has(name)) return;
      underWay.current.add(name);
      start(send(input));
    },
    [start, send],
  );
  const mutateAsync = useCallback((input: Input) => startAsync(send(input)), [startAsync, send]);

  return {
    mutate,
    mutateAsync,
    reset: mutation.reset,
    data: mutation.data,
    error: mutation.error,
    isPending: mutation.isPending,
    isSuccess: mutation.isSuccess,
    isError: mutation.isError,
    /** What it was called with last. */
    input: mutation.variables?.input,
  };
}
