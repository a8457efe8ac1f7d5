// Real recorded files, for use while developing and in CI: they are not part of the repository.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../shared/data", import.meta.url));

export const CDNOW = `${FOLDER}/cdnow/CDNOW_sample.txt.gz`;
export const GROCERY = `${FOLDER}/grocery/groceryElog.csv.gz`;
export const TAOBAO = `${FOLDER}/taobao/UserBehavior_head.csv.gz`;
export const ONLINE_RETAIL = `${FOLDER}/online-retail/online_retail_before_2011-04-28.csv.gz`;
export const YOOCHOOSE = `${FOLDER}/yoochoose/yoochoose-clicks-100k_train_full.txt.gz`;
export const COMPLETE_JOURNEY = `${FOLDER}/completejourney/transactions_sample.csv.gz`;

/** True where the files are absent and tests may skip. In CI they may not: they fail where they read the file. */
export const skipShared = !existsSync(FOLDER) && process.env["CI"] !== "true";
if (skipShared) console.warn(`skipped: the recorded files are not at ${FOLDER}`);
