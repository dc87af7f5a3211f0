import { playThemes } from "./system-themes.ts";

playThemes("descriptors", "time", "locks");
