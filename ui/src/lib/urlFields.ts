/** Filter fields that the address keeps, so that a link shows the same list. */

import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";

export type Fields = Record<string, string>;

const WRITE_AFTER_MS = 250;

/** The query of an address: fields without spaces around them, and no empty ones. */
export function toParams(fields: Fields): URLSearchParams {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(fields))
    if (value.trim()) params.set(key, value.trim());
  return params;
}

interface UrlFields {
  /** The text of a field, also while somebody types. */
  get: (key: string) => string;
  set: (key: string, value: string) => void;
  /** The fields in the address. They change when the typing pauses. */
  applied: URLSearchParams;
}

/** Fields of the address. Typing changes them at once, and the address after a pause, so that no change is lost. */
export function useUrlFields(): UrlFields {
  const [params, setParams] = useSearchParams();
  const [fields, setFields] = useState<Fields>(() => Object.fromEntries(params));
  const latest = useRef(fields);
  const write = useDebouncedCallback(
    () => setParams(toParams(latest.current), { replace: true }),
    WRITE_AFTER_MS,
  );
  const set = (key: string, value: string) => {
    latest.current = { ...latest.current, [key]: value };
    setFields(latest.current);
    write();
  };
  const address = params.toString();
  const lastAddress = useRef(address);
  useEffect(() => {
    if (lastAddress.current === address) return;
    lastAddress.current = address;
    if (address === toParams(latest.current).toString()) return;
    latest.current = Object.fromEntries(new URLSearchParams(address)); // a link or the search box
    setFields(latest.current);
  }, [address]);
  return { get: (key) => fields[key] ?? "", set, applied: params };
}
