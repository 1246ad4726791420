/** MLflow's model signature as rows. An MLmodel file has each part as a JSON text. */

export interface SignatureRow {
  name: string;
  type: string;
  required: boolean;
  default?: string;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

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
      ([name, field]) =>
        `${name}${isObject(field) && field.required === false ? "?" : ""}: ${typeText(field)}`,
    );
    return `{${fields.join(", ")}}`;
  }
  return type;
}

/** The rows of `inputs`, `outputs` or `params`. An absent or unreadable part has no rows. */
export function signatureRows(part: unknown): SignatureRow[] {
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
    name:
      typeof column.name === "string"
        ? column.name
        : parsed.length === 1
          ? "(unnamed)"
          : String(index),
    type: typeText(column),
    required: column.required !== false && !("default" in column),
    ...("default" in column ? { default: JSON.stringify(column.default) } : {}),
  }));
}

type Signature = Json | null | undefined;

const PARTS = [
  ["inputs", "Input"],
  ["outputs", "Output"],
  ["params", "Parameter"],
] as const;

/** What callers of one version must change for another: columns that are removed, new or of another type. */
export function signatureChanges(before: Signature, after: Signature): string[] {
  if (!before && !after) return [];
  if (!before) return ["The current version has no signature; the new version has one."];
  if (!after) return ["The new version has no signature."];
  return PARTS.flatMap(([part, word]) => {
    const [left, right] = [signatureRows(before[part]), signatureRows(after[part])].map(
      (rows) => new Map(rows.map((row) => [row.name, row])),
    ) as [Map<string, SignatureRow>, Map<string, SignatureRow>];
    const removed = [...left.keys()]
      .filter((name) => !right.has(name))
      .map((name) => `${word} ${name} is removed`);
    const added = [...right.values()]
      .filter((row) => !left.has(row.name))
      .map(
        (row) =>
          `${word} ${row.name} (${row.type}) is new${row.required && part === "inputs" ? " and required" : ""}`,
      );
    const changed = [...right.values()].flatMap((row) => {
      const old = left.get(row.name);
      if (!old) return [];
      if (old.type !== row.type) return [`${word} ${row.name} is ${row.type}, and was ${old.type}`];
      return part === "inputs" && old.required !== row.required
        ? [`${word} ${row.name} is ${row.required ? "required" : "optional"} now`]
        : [];
    });
    return [...removed, ...added, ...changed];
  });
}
