import { crc32, deflateSync, inflateSync } from "node:zlib";

const signatureBytes = 8;
const mostColours = 256;

/**
 * The same picture as a smaller file, with 256 colours, which is enough for a picture of a page. It reads what Chromium
 * writes: 8 bits a channel, not interlaced.
 */
export function shrinkPng(png: Buffer): Buffer {
  const { header, data } = read(png);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const channels = header[9] === 6 ? 4 : 3;
  const pixels = unfilter(inflateSync(data), width * channels, height, channels);
  const { palette, indices } = quantize(pixels, channels);
  // A byte for the filter, none, begins each line.
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) indices.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  header.set([8, 3], 8);
  return Buffer.concat([
    png.subarray(0, signatureBytes),
    ...[chunk("IHDR", header), chunk("PLTE", palette)],
    ...[chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))],
  ]);
}

function read(png: Buffer): { header: Buffer; data: Buffer } {
  let header = Buffer.alloc(0);
  const data: Buffer[] = [];
  for (let at = signatureBytes; at < png.length; ) {
    const [length, type] = [png.readUInt32BE(at), png.toString("latin1", at + 4, at + 8)];
    const content = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") header = Buffer.from(content);
    if (type === "IDAT") data.push(content);
    at += length + 12;
  }
  return { header, data: Buffer.concat(data) };
}

/** The bytes of the lines without the filters of the format, https://www.w3.org/TR/png/#9Filters. */
function unfilter(lines: Buffer, lineBytes: number, height: number, channels: number): Buffer {
  const pixels = Buffer.alloc(lineBytes * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (lineBytes + 1)];
    for (let x = 0; x < lineBytes; x++) {
      const at = y * lineBytes + x;
      const left = x < channels ? 0 : (pixels[at - channels] ?? 0);
      const above = y === 0 ? 0 : (pixels[at - lineBytes] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (pixels[at - lineBytes - channels] ?? 0);
      const predicted = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter ?? 0] ?? 0;
      pixels[at] = (lines[y * (lineBytes + 1) + 1 + x] ?? 0) + predicted;
    }
  }
  return pixels;
}

function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((value) => Math.abs(estimate - value));
  if (Number(toLeft) <= Number(toAbove) && Number(toLeft) <= Number(toCorner)) return left;
  return Number(toAbove) <= Number(toCorner) ? above : corner;
}

/** The most frequent colours, and the nearest of them for every pixel. */
function quantize(pixels: Buffer, channels: number): { palette: Buffer; indices: Buffer } {
  const counts = new Map<number, number>();
  const colours = new Uint32Array(pixels.length / channels);
  for (let at = 0; at < colours.length; at++) {
    const colour = pixels.readUIntBE(at * channels, 3);
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const frequent = [...counts].toSorted(([, a], [, b]) => b - a).map(([colour]) => colour);
  const kept = frequent.slice(0, mostColours);
  const nearest = new Map(frequent.map((colour) => [colour, indexOfNearest(kept, colour)]));
  const palette = Buffer.alloc(kept.length * 3);
  for (const [index, colour] of kept.entries()) palette.writeUIntBE(colour, index * 3, 3);
  return { palette, indices: Buffer.from(colours.map((colour) => nearest.get(colour) ?? 0)) };
}

function indexOfNearest(kept: readonly number[], colour: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const [index, candidate] of kept.entries()) {
    const squares = [16, 8, 0].map((shift) => (((candidate >> shift) & 255) - ((colour >> shift) & 255)) ** 2);
    const distance = squares.reduce((sum, square) => sum + square, 0);
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}
