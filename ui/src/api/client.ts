/** One way to call the server: typed by its own description, and every refusal becomes an ApiError with its sentence. */

import createClient from "openapi-fetch";

import { signInPath } from "../paths";
import { lost } from "./connection";
import type { components, paths } from "./generated";

export type Schemas = components["schemas"];

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;

  constructor(status: number, code: string, message: string, requestId: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

export const api = createClient<paths>({ baseUrl: location.origin });

/** The answer's body. Throws ApiError; a session that has ended leads to the sign-in page. */
export async function told<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await reached(answer);
  if (!response.ok) throw refusal(response, error);
  return data as T;
}

/** Any other route of the server: MLflow's, which its own documents describe, and the bytes of files. */
export async function fetched(path: string, init?: RequestInit): Promise<Response> {
  const response = await reached(fetch(path, init));
  if (!response.ok) throw refusal(response, await response.json().catch(() => undefined));
  return response;
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    lost();
    throw new ApiError(
      0,
      "UNREACHABLE",
      "The server does not answer. Check your network, or whether it runs.",
      "",
    );
  }
}

function refusal(response: Response, body: unknown): ApiError {
  if (response.status === 502 || response.status === 504) lost(); // a proxy says that nobody is behind it
  // With a dialog open there may be text that nobody has saved: the dialog says so, and leads to the sign-in page.
  if (response.status === 401 && !document.querySelector("[role=dialog]"))
    location.assign(signInPath());
  const said = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const message = said.message ?? said.detail;
  return new ApiError(
    response.status,
    typeof said.error_code === "string" ? said.error_code : "",
    typeof message === "string" ? message : `The server answered ${response.status}.`,
    response.headers.get("x-request-id") ?? "",
  );
}
