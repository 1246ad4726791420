/** The alias that somebody typed, without spaces around it and without the leading @. */
export const aliasName = (text: string) => text.trim().replace(/^@/u, "");
