// Merges as it is told, line by line: {base, tags, pieces: [[operation, …], …], joins: [[into, from], …]} → the first
// piece's {text, values, version, clock}, each piece kept as text before it is joined.

import { createInterface } from "node:readline";
import { Document } from "./js/catalogue/crdt.js";

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  const pieces = told.pieces.map((operations) => {
    const document = Document.begin(told.tags);
    for (const operation of operations) document.apply(operation);
    return document;
  });
  for (const [into, from] of told.joins) pieces[into].join(Document.parse(pieces[from].text()));
  const [first] = pieces;
  const found = {
    text: first.copy().text(),
    values: first.values(told.base),
    version: first.version,
    clock: first.clock,
  };
  console.log(JSON.stringify(found));
}
