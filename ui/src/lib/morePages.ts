interface InfiniteList {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

/** How a table of a list fetches the list's next page. */
export const morePages = (list: InfiniteList) => ({
  loadMore: list.hasNextPage ? () => void list.fetchNextPage() : undefined,
  loadingMore: list.isFetchingNextPage,
});
