import { testShardChange } from "./shards.ts";

testShardChange("stopped", (_, manager) => manager.stop());
