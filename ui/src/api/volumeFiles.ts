/** The directories of a volume, read through the Files API. */

import { infiniteQueryOptions } from "@tanstack/react-query";

import { volumeFilePath } from "../paths";
import { type Answer, fetchOk } from "./client";
import { nextPageToken } from "./pages";

type Directory = Answer<"/api/2.0/fs/directories/{path}">;
export type VolumeEntry = Directory["contents"][number];

const PAGE_SIZE = 500;

/** `directory` is a path in the volume, '' for the volume itself. */
export const volumeDirectory = (volume: string, directory: string) =>
  infiniteQueryOptions({
    queryKey: ["volume files", volume, directory],
    queryFn: async ({ pageParam, signal }): Promise<Directory> => {
      const query = new URLSearchParams({ page_size: String(PAGE_SIZE), page_token: pageParam });
      const path = volumeFilePath(volume, directory, "directories");
      const answer = await fetchOk(`${path}?${query}`, { signal });
      return (await answer.json()) as Directory;
    },
    initialPageParam: "",
    getNextPageParam: nextPageToken,
  });
