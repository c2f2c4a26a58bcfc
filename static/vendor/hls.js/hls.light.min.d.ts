// What the pages' modules are checked against (make lint); the file beside it has no types.
declare const Hls: any;
export default Hls;
