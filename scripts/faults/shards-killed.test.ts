import { testShardChange } from "./shards.ts";

testShardChange("killed", (lab) => lab.killManager());
