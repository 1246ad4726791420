/** MLflow's model signature as rows: the MLmodel holds each part as a JSON text of its own. */

export interface SignatureRow {
  name: string;
  type: string;
  required: boolean;
  default?: string;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** `array<double>`, `{a: string, b?: long}`, `float32 (-1, 28, 28)`. */
export function typeText(spec: unknown): string {
  if (typeof spec === "string") return spec;
  if (!isObject(spec)) return "any";
  const type = typeof spec.type === "string" ? spec.type : "any";
  if (type === "tensor" && isObject(spec["tensor-spec"])) {
    const { dtype, shape } = spec["tensor-spec"];
    return `${String(dtype)} (${Array.isArray(shape) ? shape.join(", ") : ""})`;
  }
  if (type === "array") return `array<${typeText(spec.items)}>`;
  if (type === "map") return `map<string, ${typeText(spec.values)}>`;
  if (type === "object" && isObject(spec.properties)) {
    const fields = Object.entries(spec.properties).map(
      ([name, field]) => `${name}${isObject(field) && field.required === false ? "?" : ""}: ${typeText(field)}`,
    );
    return `{${fields.join(", ")}}`;
  }
  return type;
}

/** The rows of `inputs`, `outputs` or `params`; none where it is absent or not readable. */
export function rowsOf(part: unknown): SignatureRow[] {
  let parsed: unknown = part;
  if (typeof part === "string") {
    try {
      parsed = JSON.parse(part);
    } catch {
      return [];
    }
  }
  if (!Array.isArray(parsed)) return [];
  return parsed.filter(isObject).map((column, index) => ({
    name: typeof column.name === "string" ? column.name : parsed.length === 1 ? "(unnamed)" : String(index),
    type: typeText(column),
    required: column.required !== false && !("default" in column),
    ...("default" in column ? { default: JSON.stringify(column.default) } : {}),
  }));
}
