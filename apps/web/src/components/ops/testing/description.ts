import { readFileSync } from "node:fs";
import path from "node:path";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";

type Operation = { responses: Record<string, { content?: Record<string, unknown> }> };
type Description = { paths: Record<string, Record<string, Operation>>; components: unknown };

// From the package's own folder, where Vitest and npm run.
const FILE = path.resolve("../../opsconsole/api/openapi.json");

export const description = JSON.parse(readFileSync(FILE, "utf8")) as Description;

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
addFormats(ajv);
ajv.addSchema(description, "description");

const validators = new Map<string, ValidateFunction>();
const escaped = (part: string) =>
  part.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D");

/**
 * Throws where the API's description doesn't allow an answer, so that no test builds on one that can't come.
 *
 * Args:
 *   method: of the request, lower case.
 *   template: the path as in the description: `/ops/jobs/{id}`.
 */
export function mustBeDescribed(method: string, template: string, status: number, body: unknown): void {
  const operation = description.paths[template]?.[method];
  if (!operation) throw new Error(`The API's description has no ${method.toUpperCase()} ${template}.`);
  const answer = operation.responses[String(status)];
  // Statuses that need no description of their own: whatever stands between may send them.
  const pointer =
    answer?.content?.["application/json"] !== undefined
      ? `description#/paths/${escaped(template)}/${method}/responses/${status}/content/application~1json/schema`
      : status >= 400
        ? "description#/components/schemas/Problem"
        : null;
  if (!pointer)
    throw new Error(`The API's description has no answer ${status} of ${method.toUpperCase()} ${template}.`);
  let validate = validators.get(pointer);
  if (!validate) {
    validate = ajv.compile({ $ref: pointer });
    validators.set(pointer, validate);
  }
  if (validate(body)) return;
  const faults = (validate.errors ?? [])
    .slice(0, 10)
    .map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
  throw new Error(`Not an answer ${status} of ${method.toUpperCase()} ${template}:\n${faults.join("\n")}`);
}
