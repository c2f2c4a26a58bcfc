// The files of videos, fetched so that the page can send them on: to another job, or to another shelf.

/**
 * @param {string} address
 * @param {string} name
 * @returns {Promise<File>}
 */
export async function fileAt(address, name) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`“${name}” could not be fetched (${response.status}).`);
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

/** @param {import("./api.js").Video} video @returns {Promise<File>} its original */
export const fileOf = (video) =>
  fileAt(
    video.video_url ?? "",
    `${video.title}.${video.mime_type.split("/")[1]?.replace("quicktime", "mov") ?? "mp4"}`,
  );
