// Downloads of video files, to send them to a job or the catalogue.

import { ApiError } from "../base/api.js";

/**
 * Download a file through this server, because the bucket may forbid requests from web pages.
 * @param {string} address
 * @param {string} name
 * @param {AbortSignal} [signal]
 * @returns {Promise<File>}
 * @throws {ApiError}
 */
export async function downloadFile(address, name, signal) {
  const url = new URL(address, location.href);
  url.searchParams.set("proxy", "1");
  const response = await fetch(url, { credentials: "same-origin", signal });
  if (!response.ok)
    throw new ApiError(`“${name}” could not be downloaded.`, { status: response.status, type: "not_fetched" });
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

/** @param {import("./api.js").Video} video @param {AbortSignal} [signal] @returns {Promise<File>} */
export const downloadOriginal = (video, signal) =>
  downloadFile(
    video.video_url ?? "",
    `${video.title}.${video.mime_type.split("/")[1]?.replace("quicktime", "mov") ?? "mp4"}`,
    signal,
  );
