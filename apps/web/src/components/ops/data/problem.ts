/** An answer that isn't what was asked for, or none at all. `message` is a sentence for the page. */
export class OpsError extends Error {
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: Record<string, string[]>;
  /** Seconds, from the header `Retry-After`. */
  readonly retryAfter?: number;
  /** The whole body: some refusals say more, such as `job_id` or `left_out`. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: Partial<Pick<OpsError, "errors" | "retryAfter" | "body">> = {},
  ) {
    super(detail);
    this.name = "OpsError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = more.errors;
    this.retryAfter = more.retryAfter;
    this.body = more.body ?? {};
  }
}

const SENTENCES: Record<number, string> = {
  400: "The console rejected the request.",
  401: "Your session has ended. Log in again.",
  403: "You don’t have permission for this.",
  404: "Not found.",
  409: "This changed in the meantime. Refresh the page and try again.",
  413: "The request is too large.",
  422: "This request conflicts with an earlier one. Refresh the page and try again.",
  429: "Too many requests. Try again shortly.",
  502: "The console is unreachable.",
  503: "The console is unavailable. Try again shortly.",
  504: "The console took too long to answer.",
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Makes the error of an answer, whatever its body holds. */
export function errorOf(response: Response, body: unknown): OpsError {
  const { status } = response;
  const fallback = SENTENCES[status] ?? `The console answered with status ${status}.`;
  const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
  if (!isRecord(body)) return new OpsError(status, "not_json", fallback);
  return new OpsError(
    status,
    typeof body.code === "string" ? body.code : `status_${status}`,
    typeof body.detail === "string" && body.detail ? body.detail : fallback,
    {
      errors: isRecord(body.errors) ? (body.errors as Record<string, string[]>) : undefined,
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
      body,
    },
  );
}

export const unreachable = (): OpsError =>
  new OpsError(0, "unreachable", "The server can’t be reached. Check your connection.");

export const notJson = (status: number): OpsError =>
  new OpsError(status, "not_json", "The server sent an answer that isn’t JSON.");

export const isSessionEnded = (error: unknown): boolean => error instanceof OpsError && error.status === 401;

export const isForbidden = (error: unknown): boolean => error instanceof OpsError && error.status === 403;

/** Whether the request may have taken effect although no proper answer came. */
export const isOutcomeUnknown = (error: unknown): boolean =>
  error instanceof OpsError &&
  ([0, 502, 503, 504].includes(error.status) || error.code === "idempotency_key_in_use");
