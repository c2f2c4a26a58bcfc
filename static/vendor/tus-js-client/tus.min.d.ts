// What the pages' modules are checked against (make lint); the file beside it sets a global.
export {};
