import { describeCases } from './suite.ts';

describeCases('that is given answers that look ahead or are none', 'answers');
