import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useCallback, useRef } from "react";
import { useAnnounce } from "../shared/Announcer";
import { isOutcomeUnknown, type OpsError } from "./problem";

type Sent<Input> = { input: Input; key: string };

export type ActionOptions<Input, Output> = {
  /** Sends it. Pass the key on as the header `Idempotency-Key`. */
  call: (input: Input, idempotencyKey: string) => Promise<Output>;
  /** What it changes; asked for again after success and after a refusal. */
  invalidates: readonly QueryKey[] | ((input: Input) => readonly QueryKey[]);
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
  const { call, invalidates, announces, onDone, onRefused } = options;
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  const unsettled = useRef<{ text: string; key: string } | null>(null);

  const mutation = useMutation<Output, OpsError, Sent<Input>>({
    mutationFn: ({ input, key }) => call(input, key),
    networkMode: "always",
    // The key makes sending it again safe. A refusal is final, but for a first request that is still under way.
    retry: (failures, error) =>
      failures < 2 && (error.status === 0 || error.code === "idempotency_key_in_use"),
    retryDelay: (failures, error) => Math.min((error.retryAfter ?? 2 ** failures) * 1_000, 5_000),
    onSuccess: (output, { input }) => {
      unsettled.current = null;
      announce(announces ? announces(output, input) : messageOf(output));
      onDone?.(output, input);
    },
    onError: (error, { input, key }) => {
      unsettled.current = isOutcomeUnknown(error) ? { text: JSON.stringify(input) ?? "", key } : null;
      announce(error.message);
      onRefused?.(error, input);
    },
    onSettled: (_output, error, { input }) => {
      if (error?.status === 0) return;
      const changed = typeof invalidates === "function" ? invalidates(input) : invalidates;
      changed.forEach((queryKey) => void queryClient.invalidateQueries({ queryKey }));
    },
  });

  const send = useCallback((input: Input): Sent<Input> => {
    const before = unsettled.current;
    return { input, key: before && before.text === (JSON.stringify(input) ?? "") ? before.key : newKey() };
  }, []);
  const { mutate: start, mutateAsync: startAsync } = mutation;
  const mutate = useCallback((input: Input) => start(send(input)), [start, send]);
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
