import { playThemes } from "./system-themes.ts";

playThemes("database-files", "older-copies", "journals");
