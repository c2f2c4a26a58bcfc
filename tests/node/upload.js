// Sends one file by tus-js-client, as it comes from npm, and goes on by itself after whatever breaks.
//
//   TOKEN=… node upload.js PACKAGES ADDRESS FILE CHUNK_BYTES
//
// PACKAGES is the folder that node_modules is in. Prints one line of JSON: the upload's address, what the server says
// it has become, and how often it was gone on with.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [packages, endpoint, file, chunkBytes] = process.argv.slice(2);
const { Upload } = createRequire(path.join(packages, "package.json"))("tus-js-client");

let heads = 0;
let resource = null;

const upload = new Upload(fs.createReadStream(file), {
  endpoint,
  chunkSize: Number(chunkBytes),
  retryDelays: Array(600).fill(250),
  headers: { Authorization: `Token ${process.env.TOKEN}` },
  metadata: { filename: path.basename(file), filetype: "video/mp4" },
  onAfterResponse: (request, response) => {
    heads += request.getMethod() === "HEAD" && response.getStatus() === 200;
    resource = response.getHeader("X-Resource-Id") ?? resource;
  },
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
  onSuccess: () => console.log(JSON.stringify({ address: upload.url, resource, went_on: heads })),
});
upload.start();
