/** Which files the pages show as pictures. */

const MAX_IMAGE = 5 * 1024 * 1024; // bytes
const IMAGE = /\.(png|jpe?g|gif|webp|bmp)$/i;

/** Whether a file is a picture that a preview may load. SVG stays text: it can hold links and scripts. */
export const isSmallImage = (path: string, size: number): boolean =>
  size <= MAX_IMAGE && IMAGE.test(path);
