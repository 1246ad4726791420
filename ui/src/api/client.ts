/** Calls to the server, typed by its OpenAPI document. Every error answer becomes an ApiError with the server's message. */

import createClient from "openapi-fetch";

import { signInPath } from "../paths";
import { reportUnreachable } from "./connection";
import type { paths } from "./generated";

/** The prefixes of the routes that several modules here call. */
export const UNITY_CATALOG = "/api/2.1/unity-catalog";
export const V1 = "/api/modelkeep/v1";

/** The JSON body of a route's answer. The types follow the routes, so the server may name its own types freely. */
export type Answer<
  Path extends keyof paths,
  Method extends "get" | "post" = "get",
> = paths[Path][Method] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

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

/** Returns the body of an answer. Throws ApiError. An ended session leads to the sign-in page. */
export async function unwrap<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await withNetworkError(answer);
  if (!response.ok) throw toApiError(response, error);
  return data as T;
}

/** Any other route of the server: MLflow's, which its own documents describe, and the bytes of files. */
export async function fetchOk(path: string, init?: RequestInit): Promise<Response> {
  const response = await withNetworkError(fetch(path, init));
  if (!response.ok) throw toApiError(response, await response.json().catch(() => undefined));
  return response;
}

async function withNetworkError<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    reportUnreachable();
    throw new ApiError(
      0,
      "UNREACHABLE",
      "The server does not answer. Check your network, or whether it runs.",
      "",
    );
  }
}

function toApiError(response: Response, body: unknown): ApiError {
  if (response.status === 502 || response.status === 504) reportUnreachable(); // from a proxy without a server behind it
  // An open dialog may have unsaved text. It shows the error with a link to the sign-in page instead.
  if (response.status === 401 && !document.querySelector("[role=dialog]"))
    location.assign(signInPath());
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const message = fields.message ?? fields.detail;
  return new ApiError(
    response.status,
    typeof fields.error_code === "string" ? fields.error_code : "",
    typeof message === "string" ? message : `The server answered ${response.status}.`,
    response.headers.get("x-request-id") ?? "",
  );
}
