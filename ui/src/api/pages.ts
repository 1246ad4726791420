/** Lists that the server answers page by page. */

export const PAGE = 200;

/** The token of the next page, or undefined on the last page. */
export const nextPageToken = (page: { next_page_token?: string | null }) =>
  page.next_page_token || undefined;

/** Reads all pages of a list. */
export async function allPages<P extends { next_page_token?: string | null }>(
  read: (page_token: string) => Promise<P>,
): Promise<P[]> {
  const pages: P[] = [];
  let token: string | undefined = "";
  while (token !== undefined) {
    const page: P = await read(token);
    pages.push(page);
    token = nextPageToken(page);
  }
  return pages;
}
