// What the pages' modules are checked against (make lint); the file beside it has no types.
export declare class Upload {
  constructor(file: File, options: Record<string, unknown>);
  [member: string]: any;
}
