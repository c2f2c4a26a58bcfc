const MOMENTS = 5; // number of times read in each video

/**
 * Return the times, in seconds, at which to read each video's timer. The times are spread evenly over the video. `roi`
 * is the frame on which the user drew the timer box. In that frame's video, the frame's time replaces the nearest of the
 * times.
 * @param {{vod_id: string, duration: number}[]} vods
 * @param {{vod_id: string, time: number}} roi
 * @returns {Record<string, number[]>}
 */
export function chooseTimes(vods, roi) {
  return Object.fromEntries(
    vods.map(({ vod_id, duration }) => {
      const spread = Array.from({ length: MOMENTS }, (_, i) => ((i + 0.5) / MOMENTS) * duration);
      if (vod_id !== roi.vod_id) return [vod_id, spread];
      const distances = spread.map((time) => Math.abs(time - roi.time));
      return [vod_id, spread.with(distances.indexOf(Math.min(...distances)), roi.time)];
    }),
  );
}
