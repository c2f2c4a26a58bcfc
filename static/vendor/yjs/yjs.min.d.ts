// What the pages' modules are checked against (make lint); the file beside it has no types.
export declare class Doc {
  clientID: number;
  getText(name: string): Text;
  transact(change: () => void): void;
  destroy(): void;
}
export interface Text {
  length: number;
  insert(at: number, text: string): void;
  delete(at: number, length: number): void;
  toString(): string;
}
export declare function applyUpdate(doc: Doc, update: Uint8Array): void;
export declare function encodeStateAsUpdate(doc: Doc): Uint8Array;
export declare function createRelativePositionFromTypeIndex(text: Text, at: number, assoc?: number): any;
export declare function createAbsolutePositionFromRelativePosition(position: any, doc: Doc): { index: number } | null;
